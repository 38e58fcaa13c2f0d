"""What is asked of networks over MQTT, and what is answered."""
