using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Protocol.Tests.Messages;

public sealed class ResourceMetadataTests
{
    [Fact]
    public void A_scope_is_a_string_or_an_object()
    {
        var resource = Read("""{"resource":"https://api.example.com","scopes":["a",{"scope":"b","description":"Read","restricted":true},{"scope":"c","description":null}]}""");
        Assert.Equal(["a", "b", "c"], resource.Scopes.Select(scope => scope.Scope));
        Assert.Equal("Read", resource.Scopes[1].Description);
        Assert.True(resource.Scopes[1].Restricted);
        Assert.False(resource.Scopes[2].Restricted);
        Assert.Equal(resource.Scopes, Read(JsonSerializer.Serialize(resource, MessagesJson.Default.ResourceMetadata)).Scopes);
        Assert.Contains("""["a",{"scope":"b","description":"Read","restricted":true},"c"]""", JsonSerializer.Serialize(resource, MessagesJson.Default.ResourceMetadata), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"scopes":[{"scope":"a","descripton":"x"}]}""", "descripton")]
    [InlineData("""{"scopes":[{"scope":1}]}""", "scope")]
    [InlineData("""{"scopes":[{"scope":"a","restricted":"yes"}]}""", "restricted")]
    [InlineData("""{"scopes":[{"scope":"a","description":["x"]}]}""", "description")]
    [InlineData("""{"scopes":[1]}""", "string")]
    [InlineData("""{"scopes":[["a"]]}""", "string")]
    [InlineData("""{"scope":[]}""", "scope")]
    public void Anything_else_is_refused_by_name(string json, string said) =>
        Assert.Contains(said, Assert.Throws<JsonException>(() => Read(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_is_left_out_has_a_default()
    {
        var resource = Read("""{"resource":"https://api.example.com"}""");
        Assert.Empty(resource.Scopes);
        Assert.Empty(resource.AccessTokenClaims);
        Assert.Empty(resource.Clients);
    }

    [Fact]
    public void The_name_people_see_is_the_resource_where_it_has_none() =>
        Assert.Equal("https://api.example.com", Read("""{"resource":"https://api.example.com","name":" "}""").DisplayName);

    [Fact]
    public void Tokens_are_never_in_ToString()
    {
        var answer = new TokenResponse("lka_secret", "Bearer", 900, "openid", "lkr_secret", "id-secret");
        Assert.DoesNotContain("secret", answer.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("code-1", new DeviceAuthorizationResponse("code-1", "code-1", "https://a.example", "https://a.example?code-1", 1, 1).ToString(), StringComparison.Ordinal);
    }

    private static ResourceMetadata Read(string json) => JsonSerializer.Deserialize(json, MessagesJson.Default.ResourceMetadata)!;
}
