"""Posts of an earlier process that come once more: by another program, or because a person asks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.notices import PostShown
from securechat.simulation.faults import Fault, Trouble
from securechat.simulation.stage import Stage
from securechat.simulation.workload import Act, What


def keep(told: list[PostShown], event: object) -> None:
    """Keep what is told of posts."""
    if isinstance(event, PostShown):
        told.append(event)


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

    def test_tried_again(self) -> None:
        """What was said before a restart, and is tried again after it, is late for who lacks it."""
        stage = Stage(1, 2)
        told: list[PostShown] = []
        with stage.watched():
            stage.start()
            stage.run_for(5.0)
            stage.cut((1, 0))
            stage.say(1, "said before the restart")
            stage.run_for(0.5)
            for ends in list(stage.network.connections):
                stage.network.reset(ends, (0.0, 0.0))
            stage.kill(1, powered=False)
            stage.say(0, "said meanwhile")
            stage.mend((1, 0))
            stage.run_for(8.0)
            stage.start(1)
            node, later = stage.hosts[0].node, stage.hosts[1].node
            assert node is not None
            assert later is not None
            node.watchers.append(lambda event: keep(told, event))
            while not later.links.view():
                stage.run_for(0.001)
            # Nothing that is asked for gets there: what the author pushes comes first.
            stage.cut((0, 1))
            stage.run_for(0.1)
            self.assertEqual(stage.row(0, 1).epoch, 2)
            self.assertEqual(told, [])
            stage.act(Act(stage.now, 1, None, "said before the restart", what=What.RETRY))
            stage.run_for(0.1)
            stage.mend((0, 1))
            stage.run_for(5.0)
        posts = [(post.id.stream.epoch, post.late, post.recovered) for post in told]
        self.assertEqual(posts, [(1, True, False)])
        self.assertEqual([str(violation) for violation in stage.violations], [])
