"""A real S3 server with one bucket and one user: it enforces `If-None-Match` and checks signatures.

```python
with running_s3() as server:
    spec = server.spec(tmp_path)
```
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import requests
from moto import settings
from moto.server import ThreadedMotoServer

from environments.transits import S3TransitSpec

POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


@dataclass(frozen=True)
class Server:
    """An S3 server with one bucket, and a user whose signatures it checks.

    Attributes:
        url: where it listens.
        key: the user's access key.
        secret: its secret.
    """

    url: str
    key: str
    secret: str

    def credentials(self, folder: Path, **changes: str) -> Path:
        words = {"access_key_id": self.key, "secret_access_key": self.secret, **changes}
        path = folder / "s3.toml"
        path.write_text("".join(f'{name} = "{word}"\n' for name, word in words.items()))
        path.chmod(0o600)
        return path

    def spec(self, folder: Path, *, prefix: str = "clinic") -> S3TransitSpec:
        credentials = self.credentials(folder)
        return S3TransitSpec("cloud", "exchange", "eu-central-1", prefix, self.url, credentials)


@contextmanager
def running_s3() -> Iterator[Server]:
    """Start one in this process, on a free port."""
    unchecked = settings.INITIAL_NO_AUTH_ACTION_COUNT
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        url = f"http://{host}:{port}"
        setup = {
            "endpoint_url": url,
            "region_name": "eu-central-1",
            "aws_access_key_id": "x",
            "aws_secret_access_key": "x",
        }
        # Another one may have run in this process: its users, buckets and checks are the process's.
        requests.post(f"{url}/moto-api/reset-auth", data=b"inf", timeout=30).raise_for_status()
        requests.post(f"{url}/moto-api/reset", timeout=30).raise_for_status()
        iam = boto3.client("iam", **setup)
        iam.create_user(UserName="clinic")
        iam.put_user_policy(UserName="clinic", PolicyName="all", PolicyDocument=POLICY)
        made = iam.create_access_key(UserName="clinic")["AccessKey"]
        where = {"LocationConstraint": "eu-central-1"}
        boto3.client("s3", **setup).create_bucket(Bucket="exchange", CreateBucketConfiguration=where)
        # From here on the server checks who signed, as Amazon's does.
        requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=30).raise_for_status()
        yield Server(url, made["AccessKeyId"], made["SecretAccessKey"])
    finally:
        running.stop()
        settings.INITIAL_NO_AUTH_ACTION_COUNT = unchecked
