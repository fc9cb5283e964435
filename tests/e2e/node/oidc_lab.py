"""An OpenID provider for tests: the certified oidc-provider (oidc/provider.mjs), with TLS of a CA of its own, and the person at the browser.

    folder = oidc_lab.installed()                      # None: say why not, and skip (oidc_lab.missing() says it)
    with oidc_lab.Provider(folder, namespace=node.namespace) as provider:
        provider.issuer, provider.client_id, provider.client_secret     # for aclnode.toml
        provider.ca                                                     # CA file, readable by everybody
        provider.key_set                                                # file: JWKS as an operator would pin it
        ...
        provider.log_in(address, code, "ana@example.com")               # the person: opens the address, enters the code, logs in, agrees
        provider.log_in(address, code, "ana@example.com", agree=False)  # … or refuses
        provider.lie(aud="other")        # from here on ID tokens say so (None: leave it out; signed_by=new_key("ES256"): by another key)
        provider.lie()                   # … the truth again

`people` are logins and what is said of them; whoever enters a login is that person. `sub` is the login. Without a namespace it listens on this
machine's loopback; with one, in that namespace. Everything from npm is installed below ACL_OIDC_FOLDER (default: a folder below the system's temporary
one) once, and kept there.
"""
import base64, contextlib, datetime, fcntl, html, http.cookiejar, ipaddress, json, os, re, shutil, ssl, subprocess, tempfile
import urllib.error, urllib.parse, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "oidc")
PATIENCE = 60


def missing():
    """Why there can be no provider here; None if there can."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            return f"{program} is not installed (tools/deps.sh editors)"
    version = int(re.match(r"v(\d+)", subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout)[1])
    if version < 18:
        return f"Node.js {version} is older than 18"
    return None if installed() else "npm does not install oidc-provider here"


def installed():
    """The folder with oidc-provider; installs it if need be. None: that does not work."""
    folder = os.environ.get("ACL_OIDC_FOLDER") or os.path.join(tempfile.gettempdir(), "aclc-oidc-provider")
    os.makedirs(folder, exist_ok=True)
    # Two tests may want it at once.
    with open(os.path.join(folder, ".lock"), "w", encoding="utf-8") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        return install(folder)


def install(folder):
    lock = os.path.join(SOURCE, "package-lock.json")
    mark = os.path.join(folder, "node_modules", ".installed")
    with open(lock, encoding="utf-8") as file:
        wanted = file.read()
    with contextlib.suppress(OSError), open(mark, encoding="utf-8") as file:
        if file.read() == wanted:
            return folder
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(os.path.join(SOURCE, name), folder)
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=folder, stdout=subprocess.DEVNULL, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    shutil.copy(lock, mark)
    return folder


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key(algorithm, kid="1"):
    """A private JWK."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    def number(value, size=None):
        return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
    if algorithm == "ES256":
        key = ec.generate_private_key(ec.SECP256R1()).private_numbers()
        point = key.public_numbers
        jwk = {"kty": "EC", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32), "d": number(key.private_value, 32)}
    elif algorithm == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
               "d": base64url(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))}
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers()
        jwk = {"kty": "RSA", "n": number(key.public_numbers.n), "e": number(key.public_numbers.e), "d": number(key.d), "p": number(key.p),
               "q": number(key.q), "dp": number(key.dmp1), "dq": number(key.dmq1), "qi": number(key.iqmp)}
    return {**jwk, "kid": kid, "alg": algorithm, "use": "sig"}


def make_certificates(folder, host, authority="test CA"):
    """ca.pem, and server.pem and server.key for the host."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.utcnow()

    def certificate(name, key, issuer, issuer_key, extension):
        return (x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=30)).add_extension(extension, critical=False)
                .add_extension(x509.BasicConstraints(ca=issuer == name, path_length=None), critical=True).sign(issuer_key, hashes.SHA256()))

    def named(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = certificate(named(authority), ca_key, named(authority), ca_key, x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    leaf = certificate(named("provider"), key, named(authority), ca_key, names)
    pem = serialization.Encoding.PEM
    for name, data in (("ca.pem", ca.public_bytes(pem)), ("server.pem", leaf.public_bytes(pem)),
                       ("server.key", key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


class Provider:
    def __init__(self, folder, namespace=None, host="127.0.0.1", port=8443, algorithm="ES256", client_id="aclnode", client_secret="test secret: +/%",
                 people=None, code_lasts=600):
        self.folder = tempfile.mkdtemp(prefix="aclc-oidc-")
        os.chmod(self.folder, 0o755)
        self.namespace, self.client_id, self.client_secret = namespace, client_id, client_secret
        self.issuer = f"https://{host}:{port}"
        self.ca, self.key_set, self.lies = (os.path.join(self.folder, name) for name in ("ca.pem", "jwks.json", "lies.json"))
        make_certificates(self.folder, host)
        key = new_key(algorithm)
        with open(self.key_set, "w", encoding="utf-8") as file:
            json.dump({"keys": [{name: value for name, value in key.items() if name not in ("d", "p", "q", "dp", "dq", "qi")}]}, file)
        self.settings = {"port": port, "host": host, "key": f"{self.folder}/server.key", "certificate": f"{self.folder}/server.pem",
                         "issuer": self.issuer, "client_id": client_id, "client_secret": client_secret, "algorithm": algorithm,
                         "keys": {"keys": [key]}, "lies": self.lies, "installed": folder, "code_lasts": code_lasts,
                         "people": people or {"ana@example.com": {"email": "ana@example.com", "email_verified": True},
                                              "eve@example.com": {"email": "eve@example.com", "email_verified": True},
                                              "new@example.com": {"email": "new@example.com", "email_verified": False}}}
        self.process = None

    def __enter__(self):
        path = os.path.join(self.folder, "settings.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.settings, file)
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.process = subprocess.Popen([*inside, "node", os.path.join(SOURCE, "provider.mjs"), path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        if self.process.stdout.readline().strip() != "listening":
            self.__exit__()
            raise RuntimeError("the provider does not start: " + self.what_it_said)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
        with open(self.log.name, encoding="utf-8") as file:
            self.what_it_said = file.read()
        shutil.rmtree(self.folder, ignore_errors=True)

    def lie(self, **claims):
        if claims:
            with open(self.lies + ".new", "w", encoding="utf-8") as file:
                json.dump(claims, file)
            os.replace(self.lies + ".new", self.lies)
        elif os.path.exists(self.lies):
            os.remove(self.lies)

    def browser(self):
        """Somebody's: what was logged in by it stays so."""
        return Browser(self)

    def log_in(self, address, code, login, agree=True, browser=None):
        (browser or self.browser()).log_in(address, code, login, agree)


class Browser:
    def __init__(self, provider):
        self.provider = provider
        self.open = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=provider.ca)),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())).open

    def page(self, address, fields=None):
        data = urllib.parse.urlencode(fields).encode() if fields is not None else None
        try:
            with self.open(address, data, timeout=PATIENCE) as reply:
                return reply.geturl(), reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.geturl(), error.read().decode()

    def inside(self):
        if not self.provider.namespace:
            return contextlib.nullcontext()
        from lab import InNamespace
        return InNamespace(self.provider.namespace)

    def log_in(self, address, code, login, agree):
        with self.inside():
            at, text = self.page(address)
            for _ in range(8):
                form = re.search(r"<form[^>]*action=\"([^\"]*)\"[^>]*>(.*?)</form>", text, re.S)
                if not form:
                    break
                fields = {}
                for tag in re.findall(r"<input[^>]*>", form[2]):
                    words = dict(re.findall(r"(\w+)=\"([^\"]*)\"", tag))
                    if "name" in words:
                        fields[words["name"]] = html.unescape(words.get("value", ""))
                for name, value in (("login", login), ("password", "any"), ("user_code", code)):
                    if name in fields:
                        fields[name] = value
                if not agree and "confirm" in fields:
                    del fields["confirm"]
                    fields["abort"] = "yes"
                at, text = self.page(urllib.parse.urljoin(at, html.unescape(form[1])), fields)
                if "abort" in fields:
                    break
            done = "Success" in text if agree else "interrupted" in text
            if not done:
                raise AssertionError(f"the provider shows: {re.sub('<[^>]*>', ' ', text)[-600:]}")
