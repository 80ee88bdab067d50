@BOOT@
boot
