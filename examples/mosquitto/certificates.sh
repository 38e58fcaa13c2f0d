#!/bin/bash
# Certificates for a broker, its devices and its controllers, made in the working directory with openssl 3.
#   certificates.sh authority NAME           NAME-ca.key (keep it offline), NAME-ca.crt, NAME-ca.crl
#   certificates.sh broker AUTHORITY HOST... broker.key, broker.crt; HOST: names and addresses of the broker
#   certificates.sh client AUTHORITY NAME    NAME.key, NAME.crt; NAME is the user name at the broker
#   certificates.sh revoke AUTHORITY NAME    shuts NAME out: give the broker the new AUTHORITY-ca.crl
set -euo pipefail
umask 077

DAYS=${DAYS:-3650}
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc)
usage() {
    sed -nE '3,6s/^#   //p' "$0" >&2
    exit 2
}
quietly() { # openssl tells how it gets on; that is worth reading only where it fails
    local said
    said=$("$@" 2>&1) || {
        echo "$said" >&2
        exit 1
    }
}
signed() { # signed AUTHORITY FILE COMMON-NAME EXTENSION...
    local authority=$1 file=$2 name=$3 extensions=()
    shift 3
    for extension in basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature "$@"; do
        extensions+=(-addext "$extension")
    done
    quietly openssl req -x509 -CA "$authority-ca.crt" -CAkey "$authority-ca.key" "${new_key[@]}" \
        -days "$DAYS" -subj "/CN=$name" "${extensions[@]}" -keyout "$file.key" -out "$file.crt"
    chmod a+r "$file.crt"
    echo "$file.key $file.crt"
}
revocations() { # revocations AUTHORITY OPTION...
    local authority=$1
    shift
    touch "$authority-revoked.txt"
    printf '%s\n' '[ca]' 'default_ca = list' '[list]' "database = $authority-revoked.txt" \
        'default_md = sha256' "default_crl_days = $DAYS" |
        quietly openssl ca -config /dev/stdin -cert "$authority-ca.crt" -keyfile "$authority-ca.key" "$@"
}

case "${1-} $#" in
"authority 2")
    quietly openssl req -x509 "${new_key[@]}" -days "$DAYS" -subj "/CN=$2" \
        -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$2-ca.key" -out "$2-ca.crt"
    revocations "$2" -gencrl -out "$2-ca.crl"
    chmod a+r "$2-ca.crt" "$2-ca.crl"
    echo "$2-ca.key $2-ca.crt $2-ca.crl"
    ;;
"client 3")
    # Topics are made of names: these two stand for something else in them.
    [[ $3 =~ ^[A-Za-z0-9_-]{1,64}$ && $3 != group && $3 != reply ]] || usage
    signed "$2" "$3" "$3" extendedKeyUsage=clientAuth
    ;;
"revoke 3")
    revocations "$2" -revoke "$3.crt"
    revocations "$2" -gencrl -out "$2-ca.crl"
    chmod a+r "$2-ca.crl"
    echo "$2-ca.crl"
    ;;
"broker "*)
    [ $# -ge 3 ] || usage
    authority=$2 names=''
    for host in "${@:3}"; do
        if [[ $host =~ ^[0-9.]+$|: ]]; then names+=",IP:$host"; else names+=",DNS:$host"; fi
    done
    signed "$authority" broker "$3" extendedKeyUsage=serverAuth "subjectAltName=${names#,}"
    ;;
*)
    usage
    ;;
esac
