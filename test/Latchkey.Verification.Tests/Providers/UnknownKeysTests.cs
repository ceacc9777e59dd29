using Latchkey.Verification.Providers;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Verification.Tests.Providers;

/// <summary>What strangers' key ids can make us ask and remember.</summary>
[Check("R15")]
public sealed class UnknownKeysTests
{
    private static readonly TimeSpan Cooldown = TimeSpan.FromSeconds(15);

    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void An_id_that_is_never_found_is_asked_for_every_five_minutes_at_least()
    {
        var keys = new UnknownKeys(_clock, Cooldown);
        Outwear(keys, "outworn");
        // Its pauses have doubled far beyond; a key of this id may still come one day.
        _clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(1));
        Assert.False(keys.MayAsk("outworn"));
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(keys.MayAsk("outworn"));
    }

    [Fact]
    public void A_thousand_ids_are_remembered_and_no_more()
    {
        var keys = new UnknownKeys(_clock, Cooldown);
        Outwear(keys, "outworn");
        _clock.Advance(TimeSpan.FromHours(1));
        // With the thousand and first all are forgotten, so that the first begins anew.
        for (var i = 0; i < 1001; i++)
        {
            Assert.True(keys.MayAsk($"forged-{i}"));
            _clock.Advance(Cooldown);
        }

        Assert.True(keys.MayAsk("outworn"));
        _clock.Advance(Cooldown);
        Assert.True(keys.MayAsk("outworn"));
    }

    [Fact]
    public void An_id_of_more_than_256_characters_asks_for_nothing_and_spends_nothing()
    {
        var keys = new UnknownKeys(_clock, Cooldown);
        for (var i = 0; i < 10; i++) Assert.False(keys.MayAsk(new string('x', 257)));
        Assert.True(keys.MayAsk(new string('x', 256)));
        Assert.True(keys.MayAsk(null));
        Assert.False(keys.MayAsk("a third at once"));
    }

    /// <summary>Asks for an id until its pause can get no longer.</summary>
    private void Outwear(UnknownKeys keys, string id)
    {
        for (var asked = 0; asked < 8; asked++)
        {
            Assert.True(keys.MayAsk(id));
            _clock.Advance(TimeSpan.FromMinutes(5));
        }

        Assert.True(keys.MayAsk(id));
    }
}
