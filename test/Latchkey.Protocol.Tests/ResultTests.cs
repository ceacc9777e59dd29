namespace Latchkey.Protocol.Tests;

public sealed class ResultTests
{
    [Fact]
    public void A_value_is_a_success()
    {
        Result<string> result = "yes";
        Assert.True(result.Succeeded(out var value, out var error));
        Assert.Equal("yes", value);
        Assert.Null(error);
        Assert.False(result.Refused(out _, out _));
    }

    [Fact]
    public void An_error_is_a_refusal_without_a_value()
    {
        Result<string> result = OAuthError.InvalidGrant("No.");
        Assert.True(result.Refused(out var error, out var value));
        Assert.Equal("invalid_grant", error.Code);
        Assert.Null(value);
        Assert.False(result.Succeeded(out _, out _));
        Assert.Throws<InvalidOperationException>(() => result.Value);
    }

    [Fact, Spec("RFC 6749", "5.2")]
    public void Statuses_are_those_of_the_specs()
    {
        Assert.Equal(401, OAuthError.InvalidClient("x").Status);
        Assert.Equal(401, OAuthError.InvalidToken("x").Status);
        Assert.Equal(403, OAuthError.InsufficientScope("x").Status);
        Assert.Equal(500, OAuthError.ServerError("x").Status);
        Assert.Equal(503, OAuthError.TemporarilyUnavailable("x").Status);
        Assert.Equal(400, OAuthError.InvalidRequest("x").Status);
        Assert.Equal(400, OAuthError.AuthorizationPending("x").Status);
    }
}
