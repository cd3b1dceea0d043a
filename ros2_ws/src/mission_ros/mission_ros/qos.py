"""Quality of service of every topic (REP-2003): drivers publish reliably, perception listens best effort."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data

SENSOR_PUBLISHER = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
"""For measurements: whoever asks for every sample, such as a recorder, gets it."""

SENSOR_SUBSCRIBER = qos_profile_sensor_data
"""For measurements: the newest counts, a lost one is not sent again."""

RESULT = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""For what is small and computed: tracks, identities, maps."""

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""For state that changes rarely and that late joiners need."""
