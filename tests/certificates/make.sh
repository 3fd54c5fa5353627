#!/bin/sh
# Makes the certificates that the tests of TLS use: an authority, a server's and a client's, good for a hundred years.
set -e
cd "$(dirname "$0")"
days=36500
new() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"; }
new ca
openssl req -x509 -new -key ca.key -subj "/CN=Test authority" -days $days -out ca.pem \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
sign() {
    openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
    printf '%s\n' "$2" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days $days -extfile "$1.ext" -out "$1.pem"
    rm "$1.csr" "$1.ext"
}
new server
sign server "subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth"
new client
sign client "extendedKeyUsage=clientAuth"
openssl genrsa -traditional -out rsa.key 2048
openssl req -x509 -new -key rsa.key -subj "/CN=rsa" -days $days -out rsa.pem
openssl ecparam -name prime256v1 -genkey -noout -out sec1.key
openssl req -x509 -new -key sec1.key -subj "/CN=sec1" -days $days -out sec1.pem
openssl genpkey -algorithm ed25519 -out ed25519.key
openssl req -x509 -new -key ed25519.key -subj "/CN=ed25519" -days $days -out ed25519.pem
openssl pkcs8 -topk8 -in client.key -passout pass:word -out locked.key
rm -f ca.srl
