"""Affiliate leaderboard."""
