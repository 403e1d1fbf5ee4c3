"""Steps as SQL: quoting, and the names that a history has in its database."""


class Num(str):
    """A number of a JSON document, written as it is."""


def quote(value):
    if value is None:
        return "NULL"
    return "'" + str(value).replace("'", "''") + "'"


def json_text(value):
    """JSON that keeps decimals as they were written."""
    if value is None:
        return "null"
    if isinstance(value, Num):
        return str(value)
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{k}": {json_text(v)}' for k, v in value.items()) + "}"
    return "[" + ", ".join(json_text(item) for item in value) + "]"


def moment(value):
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def attempt(statement):
    """Its answer or "error" with the SQLSTATE, and the transaction goes on."""
    return f"SELECT histories.attempt({quote(statement)})"


ATTEMPT = """
CREATE FUNCTION histories.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE statement INTO answer;
    RETURN answer;
EXCEPTION
    WHEN serialization_failure OR deadlock_detected THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN 'error ' || SQLSTATE || ' ' || SQLERRM;
END $$;
"""


class Names:
    """Customers are numbers in the steps; here they get the ids that they have in the database."""

    def __init__(self, prefix, customers):
        self.prefix = prefix
        self.declined = {key for key, fields in customers.items() if fields["declined"]}

    def customer(self, key):
        """The mock provider declines ids that begin with FAIL_."""
        return ("FAIL_" if key in self.declined else "") + f"{self.prefix}-{key}"

    def thing(self, label):
        """A row that a step made."""
        return f"{self.prefix}-{label}"
