# Debian packages of what `cmake --build --preset release` made; nothing is built for them. See docs/deploy.md.
#
#   cpack --config build/release/CPackConfig.cmake -B build/packages
include_guard(GLOBAL)

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL "")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGE_NAME lapwing)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Lapwing authors <lapwing@localhost>")
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)  # for what is not below /usr
set(CPACK_STRIP_FILES ON)  # in the packages; build/release/bin keeps its symbols
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# lw_package(COMPONENT SUMMARY text BINARIES targets... [DAEMON name] [RECOMMENDS packages])
# Makes lapwing-COMPONENT. A DAEMON has units, a group that reads its configuration, and an example of that.
function(lw_package component)
  cmake_parse_arguments(ARG "" "SUMMARY;DAEMON;RECOMMENDS" "BINARIES" ${ARGN})
  string(TOUPPER ${component} upper)
  set(PACKAGE lapwing-${component})
  set(DAEMON ${ARG_DAEMON})
  set(doc /usr/share/doc/${PACKAGE})
  install(TARGETS ${ARG_BINARIES} RUNTIME DESTINATION /usr/bin COMPONENT ${component})
  install(FILES deploy/debian/copyright DESTINATION ${doc} COMPONENT ${component})
  install(FILES /usr/share/doc/libcli11-dev/copyright DESTINATION ${doc} RENAME copyright.CLI11 COMPONENT ${component})
  set(depends "")
  set(UNITS "")
  set(UNIT_FILES "")
  set(GROUP "")
  if(DAEMON)
    set(UNITS "lapwing-${DAEMON}.service lapwing-${DAEMON}@*.service")
    set(UNIT_FILES "lapwing-${DAEMON}.service lapwing-${DAEMON}@.service")
    set(GROUP lw-${DAEMON})
    set(depends passwd)  # groupadd
    install(FILES deploy/systemd/lapwing-${DAEMON}.service deploy/systemd/lapwing-${DAEMON}@.service
      DESTINATION /lib/systemd/system COMPONENT ${component})
    install(FILES docs/deploy.md docs/operator-guide.md docs/configuration.md docs/metrics.md
      DESTINATION ${doc} COMPONENT ${component})
    install(FILES deploy/debian/${DAEMON}.yaml DESTINATION ${doc}/examples COMPONENT ${component})
    install(DIRECTORY DESTINATION /etc/lapwing COMPONENT ${component})
  endif()
  set(scripts "")
  foreach(script postinst prerm postrm)
    configure_file(deploy/debian/${script}.in ${CMAKE_BINARY_DIR}/debian/${component}/${script} @ONLY
      FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    list(APPEND scripts ${CMAKE_BINARY_DIR}/debian/${component}/${script})
  endforeach()
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${component} PARENT_SCOPE)
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${ARG_SUMMARY}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${PACKAGE} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${depends}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_RECOMMENDS "${ARG_RECOMMENDS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${scripts}" PARENT_SCOPE)
endfunction()

lw_package(pcscf DAEMON pcscf BINARIES pcscf RECOMMENDS lapwing-imsctl SUMMARY "Lapwing's P-CSCF
The edge of an IMS core: handsets register through it, over IPsec.")
lw_package(scscf DAEMON scscf BINARIES scscf RECOMMENDS lapwing-imsctl SUMMARY "Lapwing's S-CSCF, with the I-CSCF inside
The registrar of an IMS core: calls, short messages and services, and Diameter Cx to the HSS.")
lw_package(imsctl BINARIES imsctl SUMMARY "Lapwing's operator's client
Says what the daemons of a Lapwing IMS core do and why, and changes it.")
lw_package(lab DAEMON labhss BINARIES labhss labue RECOMMENDS lapwing-imsctl SUMMARY "Lapwing's HSS and handset for labs
labhss is a small HSS with its subscribers in one file, labue a handset in software.")

# Alert rules and a dashboard; one Prometheus and one Grafana are enough for all daemons.
install(FILES deploy/prometheus/lapwing.rules.yml deploy/prometheus/prometheus.yml deploy/grafana/lapwing.json
  DESTINATION /usr/share/doc/lapwing-scscf/examples COMPONENT scscf)

# imsctl's own: where the daemons are, and the completion, which the program itself writes.
install(FILES deploy/debian/imsctl.yaml DESTINATION /etc/lapwing COMPONENT imsctl)
file(WRITE ${CMAKE_BINARY_DIR}/debian/imsctl/conffiles "/etc/lapwing/imsctl.yaml\n")
list(APPEND CPACK_DEBIAN_IMSCTL_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/debian/imsctl/conffiles)
install(CODE "execute_process(COMMAND \"${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/imsctl\" completion bash
  OUTPUT_FILE \"${CMAKE_BINARY_DIR}/debian/imsctl/completion\" COMMAND_ERROR_IS_FATAL ANY)" COMPONENT imsctl)
install(FILES ${CMAKE_BINARY_DIR}/debian/imsctl/completion DESTINATION /usr/share/bash-completion/completions
  RENAME imsctl COMPONENT imsctl)

include(CPack)
