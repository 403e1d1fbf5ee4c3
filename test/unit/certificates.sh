#!/usr/bin/env bash
#
# Makes a folder with an authority (ca.crt), and certificates of it for localhost and for another name.
set -euo pipefail

folder=$1
rm -rf "$folder.new" "$folder"
mkdir "$folder.new"
cd "$folder.new"

request()
{
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -subj "/CN=$1" "${@:2}" \
		2> openssl.log || { cat openssl.log >&2; exit 1; }
}

request ca -x509 -days 30 -out ca.crt
for name in localhost elsewhere; do
	request "$name" -out "$name.csr"
	openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$name.crt" \
		-extfile <(echo "subjectAltName=DNS:$name") 2> openssl.log || { cat openssl.log >&2; exit 1; }
done
cd - > /dev/null
mv "$folder.new" "$folder"
