# How every target of ours is built: warnings, sanitizers, the layering check, tests beside the code.

set(ACL_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

# Which folder may include which: tools/layers.txt. Runs before anything compiles and takes about 0.1 s.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_custom_target(layering
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/check_layers.py ${CMAKE_SOURCE_DIR}
  COMMENT "Checking who includes whom" VERBATIM)

function(acl_target target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE ${ACL_WARNINGS})
  if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  endif()
  if(ACL_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${ACL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${ACL_SANITIZE})
  endif()
  if(ACL_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(ACL_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage -fno-inline)
    target_link_options(${target} PRIVATE --coverage)
  endif()
  add_dependencies(${target} layering)
endfunction()

# acl_library(NAME SOURCES... DEPS...): a static library whose users see the headers of the whole tree; the layering check
# keeps them from including what they may not.
function(acl_library target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${target} STATIC ${ARG_SOURCES})
  acl_target(${target})
  target_link_libraries(${target} PUBLIC ${ARG_DEPS})
endfunction()

# For libraries whose loops see every byte: -O3 halves the time of the PEGTL grammar.
function(acl_optimize target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O3>)
endfunction()

# acl_test(NAME SOURCES... DEPS... [DEFINITIONS...] [LONG]): one GoogleTest program, each of its tests a ctest test. With LONG,
# those of suites whose name ends in Long are labelled long: `make test` leaves them out, `make test-all` does not.
function(acl_test target)
  if(NOT ACL_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "LONG" "" "SOURCES;DEPS;DEFINITIONS" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${target} ${ARG_SOURCES})
  acl_target(${target})
  target_compile_definitions(${target} PRIVATE ACL_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ACL_SHARED_DIR="${ACL_SHARED_DIR}"
                             ${ARG_DEFINITIONS})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main rapidcheck)
  set(short)
  if(ARG_LONG)
    set(short TEST_FILTER -*Long.*)
    gtest_discover_tests(${target} TEST_FILTER *Long.* DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 1200 LABELS long)
  endif()
  gtest_discover_tests(${target} ${short} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
