"""Who is killed, and when. Both come from the seed."""

import random
import time
from collections import Counter

from server import POLL

# of ten kills
DECK = 2 * ["postmaster"] + 4 * ["backend"] + 3 * ["settle worker"] + ["server process"]
WORKER = "settle worker"
LATER = (0.03, 0.15)  # seconds at most from the choice of a victim to its kill; of a settle worker


class Killer:
    """Kills until there were enough; what and when comes from the seed."""

    def __init__(self, server, seed, kills, survived):
        self.server, self.random, self.left = server, random.Random(seed), kills
        self.survived = survived  # is called after each kill, when all was found in order
        self.deck = []
        self.killed = Counter()
        self.last = None  # who was killed last

    def strike(self, stretch):
        """Kills somebody while the clients are busy; False when they were done before. The moment is
        counted in calls, so that a slow machine is hit at the same places, and then a little later."""
        if self.left == 0:
            return False
        kind = self.draw(stretch.phase.settles)
        moment = self.random.randint(stretch.left() // 3, stretch.left())
        while stretch.busy():
            if (kind == WORKER or stretch.left() <= moment) and self.kill(kind, stretch.storm):
                self.left -= 1
                self.killed[kind] += 1
                self.last = kind
                return True
            time.sleep(POLL)
        self.deck.append(kind)
        return False

    def draw(self, settling):
        """The next kind of victim. Settle workers live in a settlement only: their turn comes then."""
        fitting = [kind for kind in self.deck if settling or kind != WORKER]
        if not fitting:
            self.deck += self.random.sample(DECK, len(DECK))
            return self.draw(settling)
        if settling and WORKER in fitting:
            fitting = [WORKER] + fitting[:1]
        kind = self.random.choice(fitting)
        self.deck.remove(kind)
        return kind

    def kill(self, kind, storm):
        victims = [self.server.postmaster()] if kind == "postmaster" else self.server.victims(kind)
        if not victims:
            return False
        victim = self.random.choice(victims)
        storm.set()
        time.sleep(self.random.uniform(0, LATER[kind == WORKER]))
        if kind == "postmaster":
            return self.server.kill_postmaster(victim, self.random)
        return self.server.kill_child(victim)
