"""A Zephyr module with a self-test as its sample."""

from __future__ import annotations

from firmware_export.packages.model import PackagedModel, example, readme, self_test


def files(model: PackagedModel) -> dict[str, bytes]:
    """The module's files by their relative names."""
    name, upper = model.name, model.name.upper()
    tab = "\t"  # Kconfig asks for it
    module = f"""name: {name}
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
"""
    build = f"""if(CONFIG_{upper})
  zephyr_include_directories(../include)
  zephyr_library()
  zephyr_library_sources(../src/{name}.c)
endif()
"""
    choice = f"""config {upper}
{tab}bool "The model {name}"
{tab}help
{tab}  {model.sentence}.
{tab}  Takes {model.figures.scratch} bytes of scratch memory.
"""
    application = f"""cmake_minimum_required(VERSION 3.20)
list(APPEND ZEPHYR_EXTRA_MODULES ${{CMAKE_CURRENT_SOURCE_DIR}}/../..)
find_package(Zephyr REQUIRED HINTS $ENV{{ZEPHYR_BASE}})
project({name}_self_test)
target_sources(app PRIVATE src/main.c)
"""
    sample = f"""sample:
  name: {name} self-test
tests:
  sample.{name}.self_test:
    harness: console
    harness_config:
      type: one_line
      regex:
        - "0 test vectors failed"
"""
    main = f"""int main(void)
{{
  printk("%d test vectors failed\\n", {name}_self_test());
  return 0;
}}
"""
    report = "#include <zephyr/sys/printk.h>\n"
    texts = {
        "zephyr/module.yml": module,
        "zephyr/CMakeLists.txt": build,
        "zephyr/Kconfig": choice,
        "README.md": readme(model),
        f"include/{name}.h": model.header,
        f"src/{name}.c": model.source,
        "samples/self_test/CMakeLists.txt": application,
        "samples/self_test/prj.conf": f"CONFIG_{upper}=y\n",
        "samples/self_test/sample.yaml": sample,
        "samples/self_test/src/main.c": self_test(model, report=report, main=main),
        f"samples/self_test/src/{name}_test_vectors.h": model.vectors,
        "samples/use.c": example(model),
    }
    return {f"{name}/{path}": text.encode() for path, text in texts.items()}
