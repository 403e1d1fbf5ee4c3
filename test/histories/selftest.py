"""Sees the oracle and the properties notice what is wrong.

The right oracle stands in for the extension, so that a mistaken rule is found and its history made
short without a server. The shortest history is then played on the extension, which has to agree
with the right oracle there and to refute the mistaken one.
"""

import copy

import operation
from draft import Draft
from house import House
from operation import of
from play import BAD_ANSWER, first_difference
from rule import PROPERTIES, RULES, mistaken, mistakes
from shrink import shrink

SEEDS = 600  # a mistake has to be noticed within as many histories
SMALL = 16  # steps of a history that was made short, with those that set it up


def names():
    """Of all that has to be noticed. A rule or a property with nothing beside it has to be, too."""
    bare = [rule.name for rule in RULES if not rule.mistakes]
    bare += [rule.name for rule in PROPERTIES if not rule.spoils]
    spoils = [name for rule in PROPERTIES for name in rule.spoils]
    return sorted(mistakes()) + spoils + bare


def predicted(steps):
    """What the right oracle answers; None for steps that make no sense."""
    house = House()
    try:
        return {index: copy.deepcopy(of(step).expect(house, *step[1:]))
                for index, step in enumerate(steps)}
    except (KeyError, TypeError, AttributeError):
        return None


class SelfTest:
    """Histories are drawn once for all mistakes of a process."""

    def __init__(self, player):
        self.player = player
        self.drawn = []

    def histories(self):
        """(draft, steps, the right answers)"""
        for seed in range(SEEDS):
            if seed == len(self.drawn):
                draft = Draft(seed).write()
                self.drawn.append((draft, draft.steps, predicted(draft.steps)))
            yield seed, *self.drawn[seed]

    def report(self, name):
        """(ok, what was seen)"""
        if name in mistakes():
            return self.mistake(name)
        for rule in PROPERTIES:
            if name in rule.spoils:
                return self.spoil(rule, rule.spoils[name])
        return False, "has nothing beside it that puts it in the wrong"

    @staticmethod
    def differs(name, steps, answers):
        with mistaken(name):
            difference = answers and first_difference(steps, answers, properties=False)
        return difference if difference and BAD_ANSWER not in difference else None

    def mistake(self, name):
        for seed, draft, steps, answers in self.histories():
            if self.differs(name, steps, answers) is None:
                continue
            steps = shrink(draft, steps, lambda part: self.differs(name, part, predicted(part)))
            if len(steps) <= SMALL:
                break
        else:
            return False, f"not noticed in {SEEDS} histories, or not in a short one"
        seen = f"by seed {seed} ({draft.kind.name}), in {len(steps)} steps"
        difference, answers = self.player.execute(draft, steps)
        if difference is not None:
            return False, f"{seen}; the extension differs from the right oracle: {difference}"
        if self.differs(name, steps, answers) is None:
            return False, f"{seen}; the extension does not refute it"
        return True, seen

    def spoil(self, rule, damage):
        words = {word for word, known in operation.OPERATIONS.items() if rule in known.properties}
        for seed, _, steps, answers in self.histories():
            for index, step in enumerate(steps):
                if step[0] not in words:
                    continue
                memory, answer = {}, copy.deepcopy(answers[index])
                good = rule.check(answer, memory)
                result = damage(answer)
                if result is False:
                    continue
                bad = rule.check(answer if result is None else result, memory)
                return good is None and bad is not None, f"in an answer of seed {seed}"
        return False, f"no answer to damage in {SEEDS} histories"
