# Part of `cmake --install`: units that name the programs where they are installed, which is known only now, since --prefix may say another
# place than the configuration. In: `units` (this folder), `made` (a folder for what is made of them), `sbin` and `libexec` (below the prefix).
set(aclnode "${CMAKE_INSTALL_PREFIX}/${sbin}/aclnode")
set(libexec "${CMAKE_INSTALL_PREFIX}/${libexec}")
foreach(unit aclnode.service aclnode-guard.service aclnode-session.service)
  configure_file("${units}/${unit}.in" "${made}/${unit}" @ONLY)
  file(INSTALL "${made}/${unit}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" TYPE FILE)
endforeach()
