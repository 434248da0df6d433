#!/usr/bin/env bash
# Builds the image of the repository's last commit: with Docker if available, else with buildah from
# Debian's packages on stand-ins, because there may be no access to an image registry: one for the
# base image, one (localhost/postgres) for the database of docker-compose.yml.
#   tests/house/image.sh TAG
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tag=$1
commit=$(git rev-parse HEAD)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# One at a time: two tests that need it would otherwise build it in parallel.
exec 9<"${BASH_SOURCE[0]}"
flock 9
git clone -q . "$work/src"

if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    docker build --build-arg "SIGNALROOM_COMMIT=$commit" -t "$tag" "$work/src"
    exit
fi
if ! command -v buildah >/dev/null || ! command -v podman >/dev/null || [ ! -x /usr/lib/podman/aardvark-dns ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends podman buildah runc mmdebstrap \
        netavark aardvark-dns iptables >/dev/null
fi
base=docker.io/library/python:3.11-slim-bookworm
if ! podman image exists "$base"; then
    sources=/etc/apt/sources.list.d/debian.sources
    [ -e "$sources" ] || sources=/etc/apt/sources.list
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates,tzdata \
        bookworm "$work/base.tar" "$sources"
    podman import --quiet "$work/base.tar" localhost/debian:bookworm >/dev/null
    {
        echo "FROM localhost/debian:bookworm"
        echo "RUN ln -sf /usr/bin/python3 /usr/local/bin/python && ln -sf /usr/bin/python3 /usr/local/bin/python3"
    } >"$work/Base"
    buildah bud --quiet --isolation chroot -t "$base" -f "$work/Base" "$work" >/dev/null
fi
database=localhost/$(sed -n 's/^ *image: \(postgres:.*\)/\1/p' docker-compose.yml)
if ! podman image exists "$database"; then
    buildah bud --quiet --format docker --isolation chroot --network host -t "$database" \
        -f tests/house/postgres.Containerfile tests/house >/dev/null
fi
if podman image inspect --format '{{.Config.Env}}' "$tag" 2>/dev/null | grep -q "SIGNALROOM_COMMIT=$commit"; then
    exit
fi
# --format docker keeps HEALTHCHECK; the certificates are those of the machine.
buildah bud --format docker --isolation chroot --network host --build-arg "SIGNALROOM_COMMIT=$commit" \
    -v /etc/ssl/certs:/etc/ssl/certs:ro \
    -v /usr/share/ca-certificates:/usr/share/ca-certificates:ro \
    -t "$tag" "$work/src"
