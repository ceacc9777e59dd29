namespace Latchkey.Protocol.Tests;

public sealed class ResourceIndicatorTests
{
    [Theory, Spec("RFC 8707", "2")]
    [InlineData("https://api.example.com", true)]
    [InlineData("https://api.example.com/", true)]
    [InlineData("https://api.example.com/v1?tenant=1", true)]
    [InlineData("urn:example:api", true)]
    [InlineData("https://api.example.com/#", false)]
    [InlineData("https://api.example.com#part", false)]
    [InlineData("api.example.com", false)]
    [InlineData("/api", false)]
    [InlineData("", false)]
    [InlineData("https://api.example.com/a b", false)]
    [InlineData("https://api.example.com/\u00e9", false)]
    [InlineData("https://", false)]
    public void A_resource_is_an_absolute_uri_without_a_fragment(string resource, bool wellFormed) =>
        Assert.Equal(wellFormed, ResourceIndicator.IsWellFormed(resource));

    [Fact]
    public void It_has_2048_characters_at_most()
    {
        Assert.True(ResourceIndicator.IsWellFormed("https://a.example/".PadRight(2048, 'x')));
        Assert.False(ResourceIndicator.IsWellFormed("https://a.example/".PadRight(2049, 'x')));
    }

    [Theory, Check("M1")]
    [InlineData("https://api.example.com", "https://api.example.com", true)]
    [InlineData("https://api.example.com", "https://api.example.com/", true)]
    [InlineData("https://api.example.com:8443/", "https://api.example.com:8443", true)]
    [InlineData("https://api.example.com/v1", "https://api.example.com/v1/", false)]
    [InlineData("https://api.example.com", "https://API.example.com", false)]
    [InlineData("https://api.example.com", "https://api.example.com//", false)]
    [InlineData("https://api.example.com?x", "https://api.example.com?x/", false)]
    [InlineData("urn:example", "urn:example/", false)]
    [InlineData("", "/", false)]
    public void A_bare_origin_is_one_resource_with_and_without_its_slash(string left, string right, bool same)
    {
        Assert.Equal(same, ResourceIndicator.Same(left, right));
        Assert.Equal(same, ResourceIndicator.Same(right, left));
    }

    [Fact]
    public void No_text_makes_it_throw() => Generators.Check(Generators.Text, text =>
    {
        _ = ResourceIndicator.IsWellFormed(text);
        return ResourceIndicator.Same(text, text) && !ResourceIndicator.Same(text, text + "x");
    });
}
