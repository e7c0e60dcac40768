#!/bin/sh
# Sees to it that every program of images/userland.yaml is on this machine: what the harness runs, and what is copied
# into the guest. Installs what is missing with apt-get (Debian, Ubuntu) or dnf (Fedora), as root or through sudo; where
# neither is possible it prints the exact command and exits 3. When nothing is missing it takes milliseconds.
#
#   system-tools.sh             install what is missing
#   system-tools.sh --list      say what is missing and what would be run; change nothing (also --dry-run)
#   system-tools.sh --table     print the table as it is read here: role|kind|name|debian|fedora|suse|optional|target|paths
# BOOTGATE_TARGETS="arm64 s390x" counts what kernels of these architectures need.
# BOOTGATE_WIDE=1 counts what is optional as needed: the tools of the scenarios that are tagged wide.
#
# For the tests: BOOTGATE_OS_RELEASE names another os-release(5) file, BOOTGATE_SBIN other folders than /usr/sbin:/sbin.
set -u
LC_ALL=C
export LC_ALL

case $0 in
*/*) here=${0%/*} ;;
*) here=. ;;
esac
table=$here/../../images/userland.yaml
least_node='20.11'

say() { printf 'bootgate: %s\n' "$*" >&2; }

# One entry a line, no commas or braces inside values: that is all the YAML there is to read.
read_table() {
  awk '
    function value(key) {
      if (!match($0, "[{,] *" key ": *[^,}]*")) return ""
      text = substr($0, RSTART, RLENGTH)
      sub(/^[{,] *[a-z]+: */, "", text)
      sub(/ *$/, "", text)
      return text
    }
    /^[a-z]+:/ { role = $1; sub(/:.*/, "", role); if (role == "tools") role = "tool" }
    /^  - [{]/ {
      kind = value("command") == "" ? "file" : "command"
      optional = value("optional") == "true" ? "true" : "false"
      print role "|" kind "|" value(kind) "|" value("debian") "|" value("fedora") "|" value("suse") "|" optional "|" value("target") "|" value("paths")
    }
  ' "$table"
}

# Which of the table's names hold here: debian, fedora, suse, or other.
read_family() {
  release=${BOOTGATE_OS_RELEASE:-/etc/os-release}
  ids=
  # shellcheck disable=SC1090 # os-release is made to be sourced
  [ -r "$release" ] && ids=$(. "$release" && printf '%s %s' "${ID:-}" "${ID_LIKE:-}")
  for id in $ids; do
    case $id in
    debian | ubuntu) echo debian && return ;;
    fedora | rhel | centos) echo fedora && return ;;
    suse | opensuse | sles) echo suse && return ;;
    esac
  done
  echo other
}

is_there() { # KIND NAME PATHS
  if [ "$1" = command ]; then
    # mkfs, ip and nft live where an ordinary user's PATH does not look.
    PATH=$PATH:${BOOTGATE_SBIN:-/usr/sbin:/sbin} command -v "$2" >/dev/null 2>&1
    return
  fi
  for path in $3; do
    [ -r "$path" ] && return 0
  done
  return 1
}

# Sets `missing` (words to show), `unwanted` (missing and optional) and `packages`.
find_missing() {
  missing='' unwanted='' packages=''
  while IFS='|' read -r _ kind name debian fedora suse optional target paths; do
    if [ -n "$target" ]; then
      case " ${BOOTGATE_TARGETS:-} " in *" $target "*) ;; *) continue ;; esac
    fi
    is_there "$kind" "$name" "$paths" && continue
    case $family in
    debian) package=$debian ;;
    fedora) package=$fedora ;;
    suse) package=$suse ;;
    *) package= ;;
    esac
    shown=$name${package:+ ($package)}
    if [ "$optional" = true ] && [ -z "${BOOTGATE_WIDE:-}" ]; then
      unwanted=${unwanted:+$unwanted, }$shown
      continue
    fi
    missing=${missing:+$missing, }$shown
    case " $packages " in
    *" $package "*) ;;
    *) packages=${packages:+$packages }$package ;;
    esac
  done <<EOT
$rows
EOT
}

install_command() {
  case $family in
  debian) echo "apt-get install -y --no-install-recommends $packages" ;;
  fedora) echo "dnf install -y --setopt=install_weak_deps=False $packages" ;;
  suse) echo "zypper --non-interactive install --no-recommends $packages" ;;
  esac
}

# Sets `as_root` to what comes before a command that needs root; fails where nothing will do.
find_root() {
  as_root=
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null 2>&1 || return 1
  if sudo -n true 2>/dev/null; then
    as_root='sudo -n'
  elif [ -t 0 ] && [ -t 2 ]; then
    as_root=sudo
  else
    return 1
  fi
}

install_packages() {
  # shellcheck disable=SC2046,SC2086 # words are meant to be split: they are package names and options
  case $family in
  debian)
    # The lists of a fresh container are empty; those of an old one name packages that are no longer there.
    if ! apt-cache show --no-all-versions $packages >/dev/null 2>&1; then
      $as_root apt-get update || return
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive $(install_command) && return
    $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive $(install_command)
    ;;
  fedora) $as_root $(install_command) ;;
  esac >&2
}

known_targets() {
  printf '%s\n' "$rows" | awk -F'|' '$8 != "" && !seen[$8]++ { all = all (all == "" ? "" : ", ") $8 } END { print all }'
}

check_node() {
  if ! command -v node >/dev/null 2>&1; then
    say "Node.js is not installed; bootgate needs $least_node or newer (https://nodejs.org, or your distribution's nodejs)"
    return 1
  fi
  version=$(node --version)
  major=${version#v} && major=${major%%.*}
  minor=${version#v*.} && minor=${minor%%.*}
  if [ "$major" -lt "${least_node%.*}" ] ||
    { [ "$major" -eq "${least_node%.*}" ] && [ "$minor" -lt "${least_node#*.}" ]; }; then
    say "Node.js is $version; bootgate needs $least_node or newer"
    return 1
  fi
  if ! command -v npm >/dev/null 2>&1; then
    say 'npm is not installed; it comes with Node.js, or as the package npm'
    return 1
  fi
}

main() {
  rows=$(read_table) || return 3
  case ${1:-} in
  --table) printf '%s\n' "$rows" && return ;;
  --list | --dry-run | '') ;;
  *) say "unknown option $1; known are --list (or --dry-run) and --table" && return 2 ;;
  esac
  for target in ${BOOTGATE_TARGETS:-}; do
    case "$target|$rows" in
    'amd64|'* | *"|$target|"*) ;;
    *) say "unknown architecture $target; known are $(known_targets)" && return 2 ;;
    esac
  done
  family=$(read_family)
  find_missing
  status=0
  check_node || status=3
  if [ -n "$unwanted" ] && [ -n "${1:-}" ]; then say "not here, and not needed by default: $unwanted"; fi
  if [ -z "$missing" ]; then
    [ -n "${1:-}" ] && say 'every program that is needed is here'
    return $status
  fi
  say "missing: $missing"
  if [ -n "${1:-}" ]; then
    say "would run: $(install_command)"
    return $status
  fi
  case $family in
  debian) manager=apt-get ;;
  fedora) manager=dnf ;;
  *) manager= ;;
  esac
  if [ -z "$manager" ] || ! command -v "$manager" >/dev/null 2>&1 || ! find_root; then
    if [ "$family" = other ]; then
      say 'this distribution is not known here: install those programs by hand, then try again'
    else
      sudo=
      [ "$(id -u)" = 0 ] || sudo='sudo '
      say 'they cannot be installed from here; run this, then try again:'
      printf '  %s%s\n' "$sudo" "$(install_command)" >&2
    fi
    return 3
  fi
  say "running ${as_root:+$as_root }$(install_command)"
  install_packages || { say "$manager failed" && return 3; }
  wanted=$missing
  find_missing
  if [ -n "$missing" ]; then
    say "installed, and still missing: $missing"
    return 3
  fi
  say "installed: $wanted"
  return $status
}

main "$@"
