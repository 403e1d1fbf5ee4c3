"""Certificates of an authority of our own, good and bad, by the openssl command."""

import os
import subprocess
import time

CONFIGURATION = """[ca]
default_ca = books
[books]
database = {books}/index.txt
serial = {books}/serial
new_certs_dir = {books}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def run(directory, *words):
    subprocess.run(["openssl", *words], cwd=directory, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


def authority(directory, name):
    """NAME.pem, the certificate to trust, and its key."""
    run(directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return os.path.join(directory, f"{name}.pem")


def ends(days):
    """The options of openssl ca: from the day before the end."""
    end = time.time() + days * 86400
    first, last = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at)) for at in (min(end, time.time()) - 86400, end))
    return "-startdate", first, "-enddate", last


def certificate(directory, name, signer, host, days=2):
    """(certificate, key) of a host, signed by an authority; days below 0: it has expired."""
    extension = os.path.join(directory, f"{name}.ext")
    with open(extension, "w", encoding="ascii") as file:
        file.write(f"subjectAltName={host}\nbasicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\n"
                   "authorityKeyIdentifier=keyid\n")
    run(directory, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
        "-out", f"{name}.csr")
    books = os.path.join(directory, f"{name}.ca")
    os.mkdir(books)
    for file, text in (("index.txt", ""), ("serial", "01\n"), ("ca.cnf", CONFIGURATION.format(books=books))):
        with open(os.path.join(books, file), "w", encoding="ascii") as opened:
            opened.write(text)
    # openssl x509 gives no certificate any more that has expired
    run(directory, "ca", "-batch", "-config", f"{books}/ca.cnf", "-notext", *ends(days),
        "-cert", f"{signer}.pem", "-keyfile", f"{signer}.key", "-extfile", extension, "-in", f"{name}.csr",
        "-out", f"{name}.pem")
    return os.path.join(directory, f"{name}.pem"), os.path.join(directory, f"{name}.key")
