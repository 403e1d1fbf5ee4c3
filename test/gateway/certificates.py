"""Certificates of an authority of our own, good and bad, by the openssl command."""

import os
import subprocess


def run(directory, *words):
    subprocess.run(["openssl", *words], cwd=directory, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


def authority(directory, name):
    """NAME.pem, the certificate to trust, and its key."""
    run(directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return os.path.join(directory, f"{name}.pem")


def certificate(directory, name, signer, host, days=2):
    """(certificate, key) of a host, signed by an authority; days below 0: it has expired."""
    extension = os.path.join(directory, f"{name}.ext")
    with open(extension, "w", encoding="ascii") as file:
        file.write(f"subjectAltName={host}\n")
    run(directory, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
        "-out", f"{name}.csr")
    run(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key",
        "-CAcreateserial", "-days", str(days), "-extfile", extension, "-out", f"{name}.pem")
    return os.path.join(directory, f"{name}.pem"), os.path.join(directory, f"{name}.key")
