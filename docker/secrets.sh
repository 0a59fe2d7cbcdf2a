#!/bin/sh
# Makes the secrets of a deployment, each in a file of its own: docker/secrets.sh [FOLDER], by default docker/secrets.
# What is there already stays as it is. compose.yaml reads the folder; a cluster gets it as the Secret `inpaintd`.
set -eu

folder=${1:-$(dirname "$0")/secrets}
# Others on this machine are kept out at the door: the files themselves are mounted into containers as they are, whose
# accounts are others than yours.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

keep() {
    [ -e "$folder/$1" ] || printf '%s\n' "$2" > "$folder/$1"
}

value() {
    cat "$folder/$1"
}

for name in database_password redis_password s3_access_key s3_secret_key mark_secret user_secret; do
    keep "$name" "$(random)"
done
keep database_url "postgresql://inpaintd:$(value database_password)@database:5432/inpaintd"
keep redis_url "redis://:$(value redis_password)@redis:6379/0"
keep redis.conf "requirepass $(value redis_password)"
keep s3.json "{\"identities\": [{\"name\": \"inpaintd\", \"credentials\": [{\"accessKey\": \"$(value s3_access_key)\", \
\"secretKey\": \"$(value s3_secret_key)\"}], \"actions\": [\"Admin\", \"Read\", \"Write\", \"List\", \"Tagging\"]}]}"
