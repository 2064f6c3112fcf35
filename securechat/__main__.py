"""``python -m securechat``: the same as the command ``securechat``."""

from securechat.cli.main import main

if __name__ == "__main__":
    main()
