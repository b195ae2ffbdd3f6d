"""Reading of a raw root (or a table root) with nothing but the standard library: `file:///dir` or `s3://bucket/prefix` (AWS signature 4)."""

import hashlib
import hmac
import http.client
import os
import urllib.parse
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone
from pathlib import Path


class FileStore:
    def __init__(self, root: Path):
        self.root = root

    def get(self, key: str) -> bytes | None:
        try:
            return (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def size(self, key: str) -> int | None:
        """Bytes of an object, without reading it."""
        try:
            return (self.root / key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def keys(self, prefix: str) -> list[str]:
        """Keys that begin with `prefix` (ending in `/` or empty), sorted."""
        base = self.root / prefix
        return sorted(str(path.relative_to(self.root)) for path in base.rglob("*") if path.is_file()) if base.is_dir() else []


class S3Store:
    """Settings are the AWS SDK's: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3. Always path style."""

    def __init__(self, bucket: str, prefix: str):
        self.bucket, self.prefix = bucket, f"{prefix}/" if prefix else ""
        self.region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self.endpoint = urllib.parse.urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or f"https://s3.{self.region}.amazonaws.com")
        self.connection: http.client.HTTPConnection | None = None

    def _request(self, path: str, query: list[tuple[str, str]], method: str = "GET") -> tuple[int, bytes]:
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        empty = hashlib.sha256(b"").hexdigest()
        headers = {"host": self.endpoint.netloc, "x-amz-content-sha256": empty, "x-amz-date": now}
        if os.environ.get("AWS_SESSION_TOKEN"):
            headers["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
        quoted_path = urllib.parse.quote(path, safe="/-_.~")
        quoted_query = "&".join(f"{quote(name)}={quote(value)}" for name, value in sorted(query))
        signed = ";".join(sorted(headers))
        canonical = "\n".join([method, quoted_path, quoted_query, *(f"{name}:{headers[name]}" for name in sorted(headers)), "", signed, empty])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
        for part in [*scope.split("/"), to_sign]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={key.hex()}"
        target = f"{quoted_path}?{quoted_query}" if query else quoted_path
        for attempt in range(3):
            try:
                if self.connection is None:
                    kind = http.client.HTTPSConnection if self.endpoint.scheme == "https" else http.client.HTTPConnection
                    self.connection = kind(self.endpoint.netloc, timeout=60)
                self.connection.request(method, target, headers=headers)
                response = self.connection.getresponse()
                body = response.read()
                return response.status, body if method == "GET" else (response.getheader("content-length") or "").encode()
            except (http.client.HTTPException, OSError):
                self.connection = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def get(self, key: str) -> bytes | None:
        status, body = self._request(f"/{self.bucket}/{self.prefix}{key}", [])
        if status == 404:
            return None
        if status != 200:
            raise OSError(f"GET {key}: {status} {body[:300]!r}")
        return body

    def size(self, key: str) -> int | None:
        """Bytes of an object, without reading it."""
        status, length = self._request(f"/{self.bucket}/{self.prefix}{key}", [], "HEAD")
        if status == 404:
            return None
        if status != 200:
            raise OSError(f"HEAD {key}: {status}")
        return int(length)

    def keys(self, prefix: str) -> list[str]:
        found: list[str] = []
        token = None
        while True:
            query = [("list-type", "2"), ("prefix", self.prefix + prefix)] + ([("continuation-token", token)] if token else [])
            status, body = self._request(f"/{self.bucket}", query)
            if status != 200:
                raise OSError(f"LIST {prefix}: {status} {body[:300]!r}")
            page = {local_name(child): child for child in ElementTree.fromstring(body)}
            for child in ElementTree.fromstring(body):
                if local_name(child) == "Contents":
                    key = next(part.text or "" for part in child if local_name(part) == "Key")
                    found.append(key[len(self.prefix) :])
            token = page["NextContinuationToken"].text if "NextContinuationToken" in page else None
            if not token:
                return sorted(found)


def quote(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


def local_name(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def open_store(url: str) -> FileStore | S3Store:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        return FileStore(Path(urllib.parse.unquote(parts.path)))
    if parts.scheme == "s3":
        return S3Store(parts.netloc, parts.path.strip("/"))
    raise ValueError(f"{url} is neither file:// nor s3://")
