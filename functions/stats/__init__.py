"""Statistics of posts, creators, hashtags and the topics that users engage with."""
