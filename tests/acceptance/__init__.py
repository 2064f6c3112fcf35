"""The whole product, as people meet it: commands, real twistd processes, telnet, curl, files."""
