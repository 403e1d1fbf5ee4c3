"""Several sessions at once, with steps that commute: the end is that of one session after another."""

from operation import Operation, of
from operations.fold import fold
from sqltext import quote


def again(statement):
    """What a caller has to do: a transaction that may be repeated is repeated."""
    return f"SELECT histories.again({quote(statement)})"


def totals(parts):
    """
    Which of two sessions stores an event, or folds it, is open: of those answers only the sums are
    told. All others are told as they are.
    """
    result = {"accepted": 0, "duplicate": 0, "rejected": 0, "folded": 0, "others": []}
    for part in parts:
        if isinstance(part, int):
            result["folded"] += part
        elif "outcome" in part:
            result[part["outcome"]] += 1
        elif "accepted" in part:
            for name, count in part.items():
                result[name] += count
        else:
            result["others"].append(part)
    return result


class Together(Operation):
    """The steps of each session; in the end a fold takes what they have left."""

    word = "together"
    top_level = True
    sessions = True
    setup = """
CREATE FUNCTION histories.again(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    FOR attempt IN 1 .. 100 LOOP
        BEGIN
            EXECUTE statement INTO answer;
            RETURN answer;
        EXCEPTION WHEN serialization_failure OR deadlock_detected THEN
            CONTINUE;
        END;
    END LOOP;
    RAISE EXCEPTION 'still not done: %', statement;
END $$;
"""

    def session_sql(self, names, steps):
        return [again(of(step).sql(names, *step[1:])) for step in steps]

    def sql(self, names, sessions):
        return of(("fold",)).sql(names)

    def expect(self, house, sessions):
        parts = [of(step).expect(house, *step[1:]) for steps in sessions for step in steps
                 if step[0] != "fold"]
        return totals(parts + [fold(house)])

    def read(self, answer):
        """Of the steps with the sessions' answers, and of the fold."""
        *parts, folded = answer
        return totals([of(step).read(said) for step, said in parts] + [int(folded)])

    def events(self, sessions):
        return [event for steps in sessions for step in steps for event in of(step).events(*step[1:])]

    def without(self, ids, sessions):
        result = []
        for steps in sessions:
            kept = [(step[0], rest) for step in steps
                    if (rest := of(step).without(ids, *step[1:])) is not None]
            result.append([(word, *rest) for word, rest in kept])
        return (result,)
