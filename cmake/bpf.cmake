# acl_bpf(NAME SOURCE): compiles SOURCE for eBPF into ${CMAKE_BINARY_DIR}/bpf/NAME.bpf.o, by a target NAME of its own.
#
# clang whatever compiles the rest; -mcpu=v3 (32-bit instructions, Linux 5.1) is what clang 14 does best; -g for BTF, which
# maps and global functions need; freestanding, since <stdint.h> must come from clang alone: there is no C library for BPF.
find_program(ACL_BPF_CLANG NAMES clang clang-14 clang-15 clang-16)
find_path(ACL_BPF_HEADERS bpf/bpf_helpers.h)
if(NOT ACL_BPF_CLANG OR NOT ACL_BPF_HEADERS)
  message(FATAL_ERROR "eBPF programs need clang and libbpf-dev: run `make deps`")
endif()

function(acl_bpf name source)
  set(object ${CMAKE_BINARY_DIR}/bpf/${name}.bpf.o)
  get_filename_component(source ${source} ABSOLUTE)
  set(multiarch)
  if(CMAKE_LIBRARY_ARCHITECTURE)
    set(multiarch -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})  # <asm/types.h>
  endif()
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bpf
    COMMAND ${ACL_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -std=gnu11 -ffreestanding -fno-stack-protector -Wall -Wextra -Wshadow -Wno-unused-function
            -Werror -I${CMAKE_SOURCE_DIR} -idirafter ${ACL_BPF_HEADERS} ${multiarch} -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Compiling ${name} for eBPF" VERBATIM)
  add_custom_target(${name} ALL DEPENDS ${object})
  add_dependencies(${name} layering)
  set(${name}_OBJECT ${object} PARENT_SCOPE)
endfunction()

# acl_bpf_embed(NAME OUTPUT SYMBOL HEADER NAMESPACE): the object of acl_bpf(NAME) as C++ source OUTPUT in the current binary folder: an
# array SYMBOL and its length SYMBOL_bytes, which HEADER declares. Without debugging information (llvm-strip -g), which loading does
# not need; BTF stays.
find_program(ACL_BPF_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-15 llvm-strip-16)
function(acl_bpf_embed name output symbol header namespace)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${output})
  set(object ${${name}_OBJECT})
  set(stripped ${object})
  set(strip)
  if(ACL_BPF_STRIP)
    string(REGEX REPLACE "\\.bpf\\.o$" ".stripped.o" stripped ${object})
    set(strip COMMAND ${ACL_BPF_STRIP} -g -o ${stripped} ${object})
  endif()
  add_custom_command(
    OUTPUT ${output}
    ${strip}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed.py ${stripped} ${output} ${symbol} ${header} ${namespace}
    DEPENDS ${object} ${CMAKE_SOURCE_DIR}/tools/embed.py
    COMMENT "Embedding ${name}" VERBATIM)
endfunction()
