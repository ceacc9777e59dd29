using FsCheck;
using FsCheck.Fluent;

namespace Latchkey.Protocol.Tests;

/// <summary>Random inputs that look enough like the real ones to get past the first check.</summary>
internal static class Generators
{
    private const string Spice = "abz019 %&=+?#;:/\\\"'<>.,~-_*@[]{}|^`\t\r\n\0\u007fé€\U0001f511";

    /// <summary>Text of whole characters, the odd ones often.</summary>
    public static Gen<string> Text { get; } =
        Gen.Elements(Spice.EnumerateRunes().Select(rune => rune.ToString())).ListOf().Select(parts => string.Concat(parts));

    /// <summary>Bytes, half of them from a form's own alphabet.</summary>
    public static Gen<byte[]> Noise { get; } =
        Gen.OneOf(Gen.Choose(0, 255).Select(value => (byte)value), Gen.Elements("%&=+0aF"u8.ToArray())).ArrayOf();

    /// <summary>Runs a property a thousand times; a failure shows the smallest input that breaks it.</summary>
    public static void Check<T>(Gen<T> generator, Func<T, bool> property) =>
        FsCheck.Fluent.Prop.ForAll(generator.ToArbitrary(), property).Check(Config.QuickThrowOnFailure.WithMaxTest(1000).WithQuietOnSuccess(true));
}
