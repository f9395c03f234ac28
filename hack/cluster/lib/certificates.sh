# shellcheck shell=bash
# A certificate authority, certificates and kubeconfigs for the control plane that runs without kind.
# All of it lives as long as one test run: P-256 keys, because making an RSA key costs more time than the API server's start.

# new_authority FOLDER: ca.key and ca.crt there.
new_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=tradingbot-test-ca \
    -keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null
}

# new_certificate FOLDER NAME SUBJECT ALTERNATIVE_NAMES: NAME.key and NAME.crt, signed by the folder's authority.
new_certificate() {
  local file=$1/$2
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$3" -keyout "$file.key" -out "$file.csr" 2>/dev/null
  openssl x509 -req -in "$file.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial -days 30 -out "$file.crt" 2>/dev/null \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=clientAuth,serverAuth\n' "$4")
}

# new_signing_key FOLDER: the pair sa.key, sa.pub that signs service account tokens.
new_signing_key() {
  openssl ecparam -genkey -noout -name prime256v1 -out "$1/sa.key"
  openssl ec -in "$1/sa.key" -pubout -out "$1/sa.pub" 2>/dev/null
}

# write_kubeconfig FILE SERVER PKI_FOLDER NAME: a kubeconfig that needs no other file.
write_kubeconfig() {
  local file=$1 server=$2 pki=$3 name=$4
  (umask 077 && : >"$file")
  cat >"$file" <<KUBECONFIG
apiVersion: v1
kind: Config
current-context: control-plane
contexts: [{name: control-plane, context: {cluster: control-plane, user: $name}}]
clusters:
- name: control-plane
  cluster: {server: "$server", certificate-authority-data: $(base64 -w0 <"$pki/ca.crt")}
users:
- name: $name
  user:
    client-certificate-data: $(base64 -w0 <"$pki/$name.crt")
    client-key-data: $(base64 -w0 <"$pki/$name.key")
KUBECONFIG
}
