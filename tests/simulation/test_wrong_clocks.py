"""Real nodes whose clocks are days apart: what is put off comes once a clock is right."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.notices import Delivery
from securechat.simulation.observed import Shown
from securechat.simulation.stage import Stage
from securechat.simulation.workload import Act

DAYS = 2 * 86_400.0


def directs(stage: Stage, who: int) -> list[tuple[str, str | None]]:
    """The direct messages that a node shows, with what is known of each."""
    lines = stage.hosts[who].view(fresh=True).lines
    return [(line.text, line.state) for line in lines if isinstance(line, Shown) and line.to]


def why(stage: Stage, who: int) -> str:
    """Why the first message in a node's outbox is still there."""
    node = stage.hosts[who].node
    assert node is not None
    return str(node.cores.messaging.outbox()[0].why)


class WrongClocks(SynchronousTestCase):
    """A machine that has started without its clock being set."""

    def test_put_off(self) -> None:
        """A direct message waits, with its reason, until its recipient's clock is set."""
        stage = Stage(1, 2)
        with stage.watched():
            stage.hosts[1].wall_offset -= DAYS
            stage.start()
            stage.run_for(5.0)
            stage.act(Act(stage.now, 0, 1, "important"))
            stage.run_for(3.0)
            self.assertEqual(directs(stage, 0), [("important", Delivery.SENT)])
            self.assertIn("not taken yet: clock: stamped 48 h ahead", why(stage, 0))
            stage.kill(0)
            stage.start(0)
            stage.run_for(20.0)
            self.assertEqual(directs(stage, 0), [("important", Delivery.UNKNOWN)])
            self.assertIn("not taken yet: clock: stamped 48 h ahead", why(stage, 0))
            self.assertEqual(directs(stage, 1), [])
            stage.hosts[1].wall_offset += DAYS
            stage.run_for(61.0)
            self.assertEqual(directs(stage, 0), [("important", Delivery.ACKED)])
            self.assertEqual([text for text, _ in directs(stage, 1)], ["important"])
        self.assertEqual([str(violation) for violation in stage.violations], [])
