from setuptools import find_packages, setup

setup(
    name="mission_core",
    version="0.1.0",
    packages=find_packages(include=["mission_core", "mission_core.*"]),
    package_data={"mission_core": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/mission_core"]),
        ("share/mission_core", ["package.xml"]),
    ],
    zip_safe=False,
    maintainer="mission maintainers",
    maintainer_email="maintainers@mission.invalid",
    description="Radar-to-camera re-identification by gait: everything that computes, without ROS.",
    license="Apache-2.0",
    extras_require={"test": ["pytest"]},
    entry_points={"console_scripts": ["mission = mission_core.cli:main"]},
)
