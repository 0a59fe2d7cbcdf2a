#!/bin/sh
# Prints every foreign image that compose.yaml names with its digest of today. Docker asks the registry.
#   docker/pin.sh > docker/.env    and compose.yaml and both Dockerfiles use exactly those from then on
set -eu

images=$(sed -n 's/.*\${\([A-Z]*_IMAGE\):-\([^}]*\)}.*/\1=\2/p' "$(dirname "$0")/compose.yaml" | sort -u)
for named in $images; do
    digest=$(docker buildx imagetools inspect "${named#*=}" --format '{{.Manifest.Digest}}')
    echo "$named@$digest"
done
