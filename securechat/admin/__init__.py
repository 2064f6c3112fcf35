"""
The admin port: one grammar, two renderings, one table of commands (INTERFACE 4, docs/spec/admin.md).

- pure: ``sanitise`` ``grammar`` ``registry`` ``events`` ``client``
- ``server`` ``telnet`` ``session`` ``watching`` ``listeners``: the port itself, in Twisted
- ``blocking`` ``twisted_client``: two coats for the one conversation of ``client``
- ``commands`` ``views``: what each command asks of the node, and how its state prints
"""
