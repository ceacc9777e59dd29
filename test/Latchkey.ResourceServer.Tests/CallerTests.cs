using System.Security.Claims;

namespace Latchkey.ResourceServer.Tests;

public sealed class CallerTests
{
    [Theory, Spec("RFC 9068", "5"), Check("R37")]
    [InlineData("alice", "web", true)]
    [InlineData("machine", "machine", false)]
    [InlineData("alice", null, false)]
    [InlineData(null, "web", false)]
    public void A_person_is_whom_the_client_is_not(string? subject, string? client, bool isUser)
    {
        var identity = new ClaimsIdentity("test");
        if (subject is not null) identity.AddClaim(new("sub", subject));
        if (client is not null) identity.AddClaim(new("client_id", client));
        Assert.Equal(isUser, new ClaimsPrincipal(identity).IsUser());
    }
}
