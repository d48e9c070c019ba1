"""Where a server listens."""

import os
import socket

from rfv2_keras.errors import UserError


def listening_socket(host, port):
    """A socket that listens at an address; port 0 is any that is free.

    Raises:
        UserError: the address is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        # Python adds the address to the system's words; a host that is not known has a negative number.
        reason = os.strerror(error.errno) if (error.errno or -1) > 0 else error.strerror
        raise UserError(f"--host {host} --port {port}: cannot listen there ({reason}).") from None
