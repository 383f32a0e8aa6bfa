"""`api.py HOST PORT`: moto's server, where RunInstances gives as many instances as EC2 would.

moto starts MinCount of them, EC2 MaxCount where it has them.
"""

import sys

from moto.ec2.responses.instances import InstanceResponse
from moto.server import main

ask = InstanceResponse._get_param


def generous(self, name, *others, **options):
    return ask(self, "MaxCount" if name == "MinCount" else name, *others, **options)


InstanceResponse._get_param = generous
main(["-H", sys.argv[1], "-p", sys.argv[2]])
