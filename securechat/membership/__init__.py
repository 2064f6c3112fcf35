"""
Who takes part, and who seems reachable (pure).

Membership is observed: the roster is everybody whose own signed Alive, with a certificate of the
room, was seen here.  Liveness is this node's view, computed from evidence and never taken over.
"""
