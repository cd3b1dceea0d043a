"""MRA-Net: activity and identity from Doppler over time, and the networks it is compared with."""
