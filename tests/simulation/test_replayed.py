"""What a member that runs another program brings again is a matter of its author's signature alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.simulation.faults import Fault, Trouble
from securechat.simulation.stage import Stage


class ReplayedTests(SynchronousTestCase):
    """Frames of an earlier process of a member, from its later one."""

    def test_earlier_post(self) -> None:
        """What nobody got before its author lost its disk may come from him as if it were new."""
        stage = Stage(1, 3)
        with stage.watched():
            stage.start()
            stage.run_for(5.0)
            ways = stage.between([1])
            stage.cut(*ways)
            stage.say(1, "nobody hears this")
            stage.run_for(0.5)
            for ends in list(stage.network.connections):
                stage.network.reset(ends, (0.0, 0.0))
            stage.wipe(1)
            stage.mend(*ways)
            stage.run_for(1.0)
            stage.start(1)
            stage.run_for(8.0)
            self.assertEqual(stage.row(0, 1).epoch, 2)
            self.assertEqual([post.by for post in stage.posts], [1])
            stage.chaos.strike(Fault(stage.now, Trouble.REPLAY, 1, 0, 0.0, 0.0))
            stage.run_for(3.0)
        came = {(post.by, post.recovered) for post in stage.posts if post.id.stream.epoch == 1}
        self.assertLessEqual({(0, False), (1, True)}, came)
        self.assertEqual([str(violation) for violation in stage.violations], [])
