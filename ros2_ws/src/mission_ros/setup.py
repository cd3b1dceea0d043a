from setuptools import find_packages, setup

NODES = (
    "camera_driver",
    "gallery_manager",
    "micro_doppler",
    "radar_driver",
    "radar_simulator",
    "radar_tracker",
    "reid",
    "visualizer",
)

setup(
    name="mission_ros",
    version="0.1.0",
    packages=find_packages(include=["mission_ros", "mission_ros.*"]),
    package_data={"mission_ros": ["py.typed", "*.xml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/mission_ros"]),
        ("share/mission_ros", ["package.xml"]),
    ],
    zip_safe=False,
    maintainer="mission maintainers",
    maintainer_email="maintainers@mission.invalid",
    description="ROS 2 nodes of mission, the message conversions, and the mission command's up, record and replay.",
    license="Apache-2.0",
    extras_require={"test": ["pytest"]},
    entry_points={"console_scripts": [f"{name} = mission_ros.nodes.{name}:main" for name in NODES]},
)
