#!/bin/sh
# Builds the kernel programs for all machines: bpf/build.sh [FOLDER], by default into this folder.
# The objects in the repository are clang 14's; a test builds them again and compares.
set -eu
here=$(dirname "$0")
to=${1:-$here}
for machine in x86_64 arm64; do
  object=$to/podflame.$machine.o
  ${CLANG:-clang} -target bpf -O2 -g0 -Wall -Werror -D"TARGET_$machine" \
    -c "$here/podflame.bpf.c" -o "$object"
  ${LLVM_STRIP:-llvm-strip} --strip-unneeded --remove-section .llvm_addrsig "$object"
done
