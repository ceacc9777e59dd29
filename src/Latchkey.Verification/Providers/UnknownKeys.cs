namespace Latchkey.Verification.Providers;

/// <summary>
/// Decides when a key id that is not known is worth asking the provider for. Two askings are in hand and one comes back each cooldown, so that a
/// stranger's forgery does not spend the one that a real rotation needs; an asking that brings the key is given back; and a key id that was not found
/// waits twice as long each time, so that a client with an outworn token can't spend them all.
/// </summary>
internal sealed class UnknownKeys(TimeProvider clock, TimeSpan cooldown)
{
    private const double Most = 2;
    private const int MaximumRemembered = 1000;
    private const int MaximumLength = 256;

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (DateTimeOffset NextTry, TimeSpan Pause)> _missing = [];
    private double _inHand = Most;
    private DateTimeOffset _counted = clock.GetUtcNow();

    /// <summary>Counts a reading that happened for another reason.</summary>
    public void Spend()
    {
        lock (_gate)
        {
            Refill(clock.GetUtcNow());
            _inHand = Math.Max(0, _inHand - 1);
        }
    }

    /// <summary>Whether to ask the provider for this key id now; asking counts at once.</summary>
    public bool MayAsk(string? keyId)
    {
        var name = keyId ?? "";
        if (name.Length > MaximumLength) return false;
        lock (_gate)
        {
            var now = clock.GetUtcNow();
            Refill(now);
            var known = _missing.TryGetValue(name, out var missing);
            if (known && now < missing.NextTry) return false;
            if (_inHand < 1) return false;
            _inHand -= 1;
            var pause = known ? missing.Pause * 2 : cooldown;
            if (pause > LongestPause) pause = LongestPause;
            if (!known && _missing.Count >= MaximumRemembered) _missing.Clear();
            _missing[name] = (now + pause, pause);
            return true;
        }
    }

    /// <summary>The asking was worth it: it does not count.</summary>
    public void Found(string? keyId)
    {
        lock (_gate)
        {
            _missing.Remove(keyId ?? "");
            _inHand = Math.Min(Most, _inHand + 1);
        }
    }

    private void Refill(DateTimeOffset now)
    {
        _inHand = Math.Min(Most, _inHand + ((now - _counted) / cooldown));
        _counted = now;
    }
}
