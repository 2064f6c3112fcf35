"""
The chat client: a separate program that speaks only the admin grammar, in JSON mode.

``rows`` ``buffers`` ``outgoing`` ``contact`` ``state`` ``intake`` ``events`` ``model`` are what is
known and what is asked of the node next; ``commands`` ``keys`` ``desk`` ``paste`` what the person does;
``lines`` ``replies`` ``panels`` the words for it: all pure.  ``clock`` knows the time zone.
``themes`` ``transcript`` ``view`` draw it with urwid, ``plain`` prints it line by line, ``session``
carries questions to the node, ``app`` alone names the reactor.
"""
