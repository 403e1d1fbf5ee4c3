"""Customers: registered, and changed later."""

from house import TAX_CODES, Customer
from operation import Operation
from rule import Rule
from sqltext import quote


def collection(automatic):
    return "AUTOMATIC" if automatic else "SEND_INVOICE"


@Rule
def change(customer, tax, automatic):
    """Holds for the runs from now on. A null changes nothing."""
    if tax is not None:
        customer.tax = tax
    customer.automatic = automatic


@change.mistake
def tax_is_kept(customer, tax, automatic):
    customer.automatic = automatic


@change.mistake
def collection_is_kept(customer, tax, automatic):
    customer.tax = tax or customer.tax


@change.mistake
def null_takes_the_tax_away(customer, tax, automatic):
    customer.tax = tax
    customer.automatic = automatic


class Register(Operation):
    """A new customer."""

    word = "customer"
    setup = "".join(
        f"SELECT billing.register_tax_rate({quote(code)}, {percentage}"
        + (f", valid_from => {quote(since)}" if since else "") + ");\n"
        for code, steps in TAX_CODES.items() for percentage, since in steps)

    def sql(self, names, key, fields):
        return (f"SELECT (billing.register_customer({quote(names.customer(key))},"
                f" currency => {quote(fields['currency'])}, tax_code => {quote(fields['tax'])},"
                f" time_zone => {quote(fields['zone'])},"
                f" collection => '{collection(fields['automatic'])}')).currency")

    def expect(self, house, key, fields):
        house.customers[key] = Customer(fields["zone"], fields["currency"], fields["tax"],
                                        fields["automatic"], fields["declined"])
        return fields["currency"]


class Change(Operation):
    """Another tax code, another way to collect."""

    word = "change"
    weight = 3

    def draw(self, draft, key):
        if draft.customers[key]["currency"] is not None:
            draft.add("change", key, draft.choice(*TAX_CODES), draft.chance(0.5))

    def sql(self, names, key, tax, automatic):
        return (f"SELECT (billing.register_customer({quote(names.customer(key))},"
                f" tax_code => {quote(tax)},"
                f" collection => '{collection(automatic)}')).collection")

    def expect(self, house, key, tax, automatic):
        change(house.customers[key], tax, automatic)
        return collection(automatic)
