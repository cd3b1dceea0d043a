"""Who is enrolled: durable store and enrolment."""
