"""What goes wrong at the provider, by chance, from a seed.

  hold_after      decides, and answers only after `hold` seconds: the client's timeout comes first
  hold_before     the same, and decides only then, whether or not the client is still there
  reset_before    resets the connection without having decided
  reset_after     decides, and resets the connection
  error_before    answers 500 or 503 without having decided
  error_after     decides, and answers 500 or 503
  truncate        decides, and ends the connection in the middle of its answer
  decline         declines

are probabilities of a call; lookups have them, too (but decline) and never decide. Beside them stand:

  hang            every call is held for `hold` seconds and answered nothing: true or false
  hold            seconds
  latency         seconds before each answer
  in_progress     whether a lookup of what hold_before will decide says IN_PROGRESS, and not NOT_FOUND
"""

import random

KINDS = ("hold_after", "hold_before", "reset_before", "reset_after", "error_before", "error_after", "truncate",
         "decline")
SETTINGS = {"hang": False, "hold": 30.0, "latency": 0.0, "in_progress": False}
SWITCHES = {"true": True, "false": False, True: True, False: False}


class Faults:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.values = dict.fromkeys(KINDS, 0.0) | SETTINGS

    def __getitem__(self, name):
        return self.values[name]

    def set(self, values):
        """Changes some; raises ValueError, and changes none, if one is unknown or senseless."""
        changed = dict(self.values)
        for name, value in values.items():
            if name not in changed or isinstance(changed[name], bool) and value not in SWITCHES:
                raise ValueError(f"no fault {name}={value}")
            changed[name] = SWITCHES[value] if isinstance(changed[name], bool) else float(value)
        if any(changed[kind] < 0 for kind in KINDS) or sum(changed[kind] for kind in KINDS) > 1:
            raise ValueError("probabilities are not between 0 and 1")
        self.values = changed

    def draw(self):
        """What goes wrong with this call, or None."""
        left = self.random.random()
        for kind in KINDS:
            left -= self.values[kind]
            if left < 0:
                return kind
        return None
