"""
Scripted scenarios on real processes: homes made by the commands, nodes run by twistd, questions asked
on the admin port.  A drill asserts what it says; its evidence and diagrams come from the run.
"""
