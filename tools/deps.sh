#!/usr/bin/env bash
# Installs the Debian 12 packages that a part of the work needs. Where all of them are there it only asks dpkg (0.02 s): no
# apt, no network, no root.
#
# usage: tools/deps.sh build|check|editors...
#   build     compile, test, install
#   check     lint, fuzz, bench
#   editors   VS Code's extension: packing it, and trying it in code-server with a browser; half a gigabyte
set -euo pipefail

build=(
  cmake ninja-build make g++ clang patch python3
  libaudit-dev libbenchmark-dev libbpf-dev libcli11-dev libcurl4-openssl-dev libexpected-dev libfmt-dev libgmock-dev libgtest-dev libmnl-dev
  libnftables-dev libpam0g-dev librapidcheck-dev libseccomp-dev libselinux1-dev libsodium-dev libssh-dev libssl-dev libtomlplusplus-dev
  nlohmann-json3-dev pkg-config tao-pegtl-dev zlib1g-dev
  minisign python3-jsonschema python3-cryptography python3-paramiko
  curl dropbear-bin git openssh-client openssh-sftp-server putty-tools rsync xauth
  bpftool etcd-client etcd-server faketime iproute2 iputils-ping nftables nginx-light openssl wireguard-go wireguard-tools
  elpa-eglot emacs-nox neovim python3-pyte
)
# libclang-rt-14-dev: the sanitizers and libFuzzer; only recommended by clang, so it must be named.
# openssh-server, ansible-core, and what a machine that boots in systemd-nspawn needs: for tests alone, which are skipped where they are
# not; the first is a service that starts by itself. By npm the OpenID provider of tests comes, which are skipped without.
check=(ansible-core nodejs openssh-server dbus libpam-systemd sudo systemd-container clang-format clang-tidy libclang-rt-14-dev mandoc shellcheck hyperfine)
# What code-server compiles of itself needs the libraries.
editors=(chromium nodejs libkrb5-dev libsecret-1-dev libx11-dev libxkbfile-dev)
# Some packages of Node.js bring npm along, and refuse Debian's.
command -v npm >/dev/null || { check+=(npm); editors+=(npm); }

wanted=()
for part in "$@"; do
  case $part in
    build) wanted+=("${build[@]}") ;;
    check) wanted+=("${check[@]}") ;;
    editors) wanted+=("${editors[@]}") ;;
    *) echo "tools/deps.sh: unknown part \"$part\"; parts are: build check editors" >&2; exit 2 ;;
  esac
done
if [ ${#wanted[@]} -eq 0 ]; then
  echo "usage: tools/deps.sh build|check|editors..." >&2
  exit 2
fi

if ! command -v dpkg-query >/dev/null; then
  echo "tools/deps.sh: this is not Debian; the packages needed are, by their Debian 12 names: ${wanted[*]}" >&2
  exit 0
fi

# The architecture-qualified names are of no interest; a package counts once any of its architectures is installed.
installed=" $(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
  sed -n 's/^installed //p' | tr '\n' ' ') " || true
missing=()
for package in "${wanted[@]}"; do
  [[ $installed == *" $package "* ]] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "tools/deps.sh: neither root nor sudo; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo "${as_root[@]}")
fi
install() { "${as_root[@]}" apt-get install -y -q -o Dpkg::Use-Pty=0 --no-install-recommends "${missing[@]}"; }

echo "Installing: ${missing[*]}"
# An empty or old package list is the usual state of a fresh machine.
if apt-get install --dry-run -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && install; then
  exit 0
fi
"${as_root[@]}" apt-get update -q
install
