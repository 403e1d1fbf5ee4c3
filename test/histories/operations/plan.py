"""Pricing plans: which one prices a month."""

from draft import DAY, TICK
from house import EXPONENTS, METERS, bounds
from operation import Operation
from operations.price import draw_charge, draw_flat
from rule import Rule
from sqltext import json_text, moment, quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def in_force(plans, at):
    """The one that started last, of those that have not ended; of two at one time the newer."""
    found = [plan for plan in plans if plan["from"] <= at
             and (plan["until"] is None or plan["until"] > at)]
    return max(found, key=lambda plan: (plan["from"], plan["position"]), default=None)


@in_force.mistake
def plans_never_end(plans, at):
    found = [plan for plan in plans if plan["from"] <= at]
    return max(found, key=lambda plan: (plan["from"], plan["position"]), default=None)


@in_force.mistake
def the_oldest(plans, at):
    found = [plan for plan in plans if plan["from"] <= at
             and (plan["until"] is None or plan["until"] > at)]
    return min(found, key=lambda plan: (plan["from"], plan["position"]), default=None)


@in_force.mistake
def not_from_its_first_moment(plans, at):
    return in_force.right([dict(plan, **{"from": plan["from"] + TICK}) for plan in plans], at)


@Rule
def first_inside(plans, start, end):
    """The first that starts inside; of two at one time the newer."""
    found = [plan for plan in plans if start < plan["from"] < end]
    return min(found, key=lambda plan: (plan["from"], -plan["position"]), default=None)


@first_inside.mistake
def none_inside(plans, start, end):
    return None


@first_inside.mistake
def the_last_inside(plans, start, end):
    found = [plan for plan in plans if start < plan["from"] < end]
    return max(found, key=lambda plan: (plan["from"], plan["position"]), default=None)


@Rule
def served_by(customer, defaults):
    """The default plans of the customer's currency; without one, all."""
    return [plan for plan in defaults
            if customer.currency is None or plan["currency"] == customer.currency]


@served_by.mistake
def of_any_currency(customer, defaults):
    return defaults


@Rule
def plan_for(customer, period, defaults):
    """One plan prices a month: in force at its start, own before default; else one inside it."""
    start, end = bounds(period, customer.zone)
    defaults = served_by(customer, defaults)
    # Choice: a default in force at the start goes before an own plan that starts inside
    return (in_force(customer.plans, start) or in_force(defaults, start)
            or first_inside(customer.plans, start, end) or first_inside(defaults, start, end))


@plan_for.mistake
def in_force_at_the_end(customer, period, defaults):
    end = bounds(period, customer.zone)[1]
    return (in_force(customer.plans, end - TICK)
            or in_force(served_by(customer, defaults), end - TICK))


@plan_for.mistake
def default_before_own(customer, period, defaults):
    start, end = bounds(period, customer.zone)
    return in_force(served_by(customer, defaults), start) or plan_for.right(customer, period, [])


# ---- how plans are drawn -------------------------------------------------------------------------


def draw_plan(draft, currency, resources, since, until=None):
    draft.plans += 1
    charges = [draw_charge(draft, resource) for resource in resources]
    charges += [draw_flat(draft, f"BASE{n}") for n in range(draft.choice(0, 0, 1, 2))]
    draft.random.shuffle(charges)
    return {"name": f"plan {draft.plans}", "currency": currency, "charges": charges,
            "from": since, "until": until}


def draw_plan_of(draft, key, since):
    fields = draft.customers[key]
    return draw_plan(draft, fields["currency"], fields["resources"], since)


def add_first_plan(draft, key):
    """Mostly in force long ago, sometimes lately or soon."""
    since = draft.start - draft.choice(430, 430, 20, -20) * DAY
    draft.add("plan", key, draw_plan_of(draft, key, since))


# ---- the operation -------------------------------------------------------------------------------


class Plan(Operation):
    """New prices: from the next days on, from a month's start on, or in the past; or for a time."""

    word = "plan"
    weight = 5

    def draw(self, draft, key):
        since = draft.now + draft.choice(-40, -10, 0, 5, 20) * DAY
        if draft.chance(0.4):
            since = bounds(draft.past_month(draft.choice(-1, 0, 1)), draft.zone(key))[0]
        until = since + draft.choice(10, 40, 90) * DAY if draft.chance(0.25) else None
        resources = list(draft.customers[key]["resources"])
        if draft.chance(0.08) and len(resources) > 1:
            resources.pop()
        currency = draft.customers[key]["currency"]
        if draft.default_plans and (currency is None or draft.chance(0.4)):
            key, resources = None, sorted(METERS)
            currency = currency or draft.choice(*EXPONENTS)
        draft.add("plan", key, draw_plan(draft, currency, resources, since, until))

    def sql(self, names, key, plan):
        owner = quote(None if key is None else names.customer(key))
        return (f"SELECT billing.create_pricing_plan({quote(plan['name'])},"
                f" {quote(plan['currency'])}, {quote(json_text(plan['charges']))},"
                f" {quote(moment(plan['from']))}, customer_id => {owner},"
                f" effective_until => {quote(moment(plan['until']))}) IS NOT NULL")

    def expect(self, house, key, plan):
        house.plans += 1
        stored = dict(plan, position=house.plans, own=key is not None)
        (house.defaults if key is None else house.customers[key].plans).append(stored)
        return "t"
