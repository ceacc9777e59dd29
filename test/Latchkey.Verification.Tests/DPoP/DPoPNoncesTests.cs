using Latchkey.Verification.DPoP;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Verification.Tests.DPoP;

public sealed class DPoPNoncesTests
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.Parse("2026-11-24T12:00:00Z", null));

    [Fact, Spec("RFC 9449", "8.1")]
    public void A_nonce_is_taken_for_its_lifetime_at_least_and_half_as_long_again_at_most()
    {
        var nonces = new DPoPNonces(_clock, TimeSpan.FromSeconds(60));
        for (var offset = 0; offset < 30; offset++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            var now = _clock.GetUtcNow().ToUnixTimeSeconds();
            Assert.True(nonces.IsOurs(nonces.Current, out var until));
            Assert.InRange(until - now, 60, 90);
        }
    }

    [Fact]
    public void Nodes_with_one_secret_take_each_others_nonces()
    {
        var secret = new byte[32];
        var one = new DPoPNonces(_clock, TimeSpan.FromMinutes(5), secret);
        var two = new DPoPNonces(_clock, TimeSpan.FromMinutes(5), secret);
        Assert.Equal(one.Current, two.Current);
        Assert.True(two.IsOurs(one.Current, out _));
        Assert.False(new DPoPNonces(_clock, TimeSpan.FromMinutes(5)).IsOurs(one.Current, out _));
    }

    [Theory, InlineData(""), InlineData("AAAA"), InlineData("!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"), InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), InlineData("                                ")]
    public void What_was_never_given_out_is_not_ours(string nonce) =>
        Assert.False(new DPoPNonces(_clock, TimeSpan.FromSeconds(60)).IsOurs(nonce, out _));

    [Fact]
    public void A_weak_secret_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new DPoPNonces(_clock, TimeSpan.FromSeconds(60), new byte[31]));
        Assert.Throws<ArgumentException>(() => new DPoPNonces(_clock, TimeSpan.FromSeconds(1)));
    }
}
