# Part of `cmake --install`: units that name the program where it is installed, which is known only now, since --prefix may say another place
# than the configuration. In: `units` (this folder), `sbin` (below the prefix), `made` (a folder for what is made of them).
set(aclnode "${CMAKE_INSTALL_PREFIX}/${sbin}/aclnode")
foreach(unit aclnode.service aclnode-guard.service)
  configure_file("${units}/${unit}.in" "${made}/${unit}" @ONLY)
  file(INSTALL "${made}/${unit}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" TYPE FILE)
endforeach()
